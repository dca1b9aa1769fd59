"""What publishers put beside weights: JSON and tokenizers, read and written."""
