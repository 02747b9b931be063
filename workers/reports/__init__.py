"""What operators ask: the balance of a campaign, the situation, what stands in the way."""
