local c = require "aci._term"
return c.isatty(), c.width(), pcall(c.isatty, 1)
