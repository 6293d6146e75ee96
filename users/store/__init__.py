"""All SQL of users, by table. Decides nothing: rules pass values in and get rows back."""
