"""Web Push: notifies browsers whose page is closed, through their push services."""
