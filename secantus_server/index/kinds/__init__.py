"""The kinds of index, one module each. Importing this package registers all kinds."""

from secantus_server.modules import import_modules

import_modules(__name__, __path__)
