"""What is handed out, made from what is kept."""
