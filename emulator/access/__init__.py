"""Who is calling, and may they: identities and pure policy evaluation. A leaf room."""
