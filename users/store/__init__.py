"""All SQL of users, by table. No rules here: rules pass values in and get rows back."""
