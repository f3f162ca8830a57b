"""The doors of Storyloom: WebSocket and REST. Knows who is asking and what they want; no SQL and no model."""
