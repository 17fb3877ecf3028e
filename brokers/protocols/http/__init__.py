"""What the HTTP door says, without the door."""
