"""The health and metrics server: read-only, small, in the agent's event loop; nothing of it runs unless asked for."""
