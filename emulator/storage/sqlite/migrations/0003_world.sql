-- Which parts of world files were applied, by a digest of their description.
CREATE TABLE world_parts (
    part TEXT PRIMARY KEY,
    digest TEXT NOT NULL
) WITHOUT ROWID;
