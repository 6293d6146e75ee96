"""Web Push: brings news to browsers whose page is closed, through their push services."""
