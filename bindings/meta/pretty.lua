---@meta aci.pretty
--- Values as text for people: Lua's notation, keys in order, secrets masked.
local pretty = {}

---@class aci.pretty.Options
---@field width? integer # columns; default 80
---@field depth? integer # tables within tables; default 6
---@field items? integer # of each table; default 100
---@field total? integer # of all tables together; default 500
---@field text? integer # bytes of each string; default 1000
---@field table? boolean # a list of like flat rows as a table; default true

--- A value as text, without a final line break. Metamethods are not called, but for __tostring.
---@param value any
---@param options? aci.pretty.Options
---@return string
function pretty.format(value, options) end

--- Prints values, each on its own line, as wide as the terminal.
---@param ... any
function pretty.print(...) end

--- Rows as aligned columns below a line of titles; ends with a line break. What would break a line
--- or reach the terminal as a control sequence is shown instead.
---@param rows table[]
---@param columns? (string|{ [1]: string, title: string })[] # keys, in order; default: all
---@return string
function pretty.table(rows, columns) end

return pretty
