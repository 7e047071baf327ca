-- The least strict label that a message may leave with: that of what a third party
-- gave the member, and that the message is known by. 0 is none.
ALTER TABLE leaving ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;
