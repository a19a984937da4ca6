"""How the tables came to be: one revision a file in `versions/`, each with its way back."""
