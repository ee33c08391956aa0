"""Fine-tuning a chat model on a data folder's searches: what it is shown, what it learns of that, and how."""
