---@meta aci.store
--- SQLite: one file, WAL, prepared statements kept by their text. A fault of the world gives nil and
--- an error whose code is SQLite's name: kind "conflict" for a constraint (a taken key), "timeout"
--- where another process wrote for too long (the same may work later), else "failed". Wrong SQL, and
--- values that do not fit it, raise.
---
--- Lua's integers, floats and strings come back as they were; nil is NULL, booleans are 1 and 0, a
--- secret is kept as a BLOB and comes back as a secret.
local store = {}

---@alias aci.store.Value nil|boolean|number|string|aci.secret

---@class aci.store.Db
local Db = {}

--- Runs any number of statements that take no values.
---@param sql string
---@return true? ok
---@return aci.error? err
function Db:exec(sql) end

--- Runs one statement with a value for each `?` in it.
---@param sql string
---@param ... aci.store.Value
---@return integer? changed # rows
---@return aci.error? err
function Db:run(sql, ...) end

--- The first row, by column name; nil when there is none. A column that is NULL is nil.
---@param sql string
---@param ... aci.store.Value
---@return table<string, any>?
---@return aci.error? err
function Db:row(sql, ...) end

--- All rows.
---@param sql string
---@param ... aci.store.Value
---@return table<string, any>[]?
---@return aci.error? err
function Db:rows(sql, ...) end

--- Calls f(...) and keeps what it did, all of it or nothing: an error that f raises undoes it and
--- goes on; a statement that failed undoes it, looked at or not, and is the error returned. Inside
--- another transaction it is a part that can be undone alone. Other tasks that use the store wait
--- for its end, so do not wait for them in it.
---@param f function
---@param ... any
---@return any ... # the results of f (true when it has none), or nil and an error
function Db:transaction(f, ...) end

--- Closes the store. A second time does nothing.
function Db:close() end

---@class aci.store.Options
---@field read_only? boolean
---@field durable? boolean # commits survive a power cut, not only the end of the program
---@field busy? number # seconds to wait for another process that writes; default 2

--- Opens the store in a file, which is made (0600) if need be; ":memory:" for one that is not kept.
---@param path string
---@param options? aci.store.Options
---@return aci.store.Db?
---@return aci.error? err
function store.open(path, options) end

return store
