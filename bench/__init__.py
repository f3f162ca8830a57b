"""What Storyloom costs above the database and the socket beneath it, measured. `make bench` runs it; nothing imports it."""
