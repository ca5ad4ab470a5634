"""config-sync under a real systemd: probes that run inside the machine, and the tests that read what they found."""
