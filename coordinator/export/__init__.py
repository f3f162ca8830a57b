"""Stories as files: what a book is made of, and how it is printed in each format."""
