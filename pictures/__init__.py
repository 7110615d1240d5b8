"""Pictures of gage for the README, made from sessions that really take place."""
