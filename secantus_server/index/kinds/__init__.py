"""The kinds of index, one file each; importing this package registers them all."""

from secantus_server.modules import import_modules

import_modules(__name__, __path__)
