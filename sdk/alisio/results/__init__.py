"""Results that outlive their process: how they are named, serialised, stored, and found again."""
