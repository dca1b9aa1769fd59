"""JSON files and tokenizers that publishers put beside weights, read and written."""
