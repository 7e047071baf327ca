-- The trust groups that a member belongs to, as policy.Groups writes them.
ALTER TABLE member ADD COLUMN trust_groups TEXT NOT NULL DEFAULT '';
