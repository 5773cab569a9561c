"""The index kinds, one module each. Importing this package registers all of them."""

from secantus_server.modules import import_modules

import_modules(__name__, __path__)
