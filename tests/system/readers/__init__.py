"""Round trips of what we write through the programs that read it: shells, systemd, dotenv libraries, YAML readers."""
