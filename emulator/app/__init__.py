"""How everything is put together: the only place that builds stores, clock, engine and servers."""

from emulator.app.app import AccountInventory, App, PortTaken
from emulator.app.world_files import world_path

__all__ = ["AccountInventory", "App", "PortTaken", "world_path"]
