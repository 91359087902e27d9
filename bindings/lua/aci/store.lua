--- aci.store: SQLite. Statements run in C; here is who may use the store while a transaction is open.

local c = require "aci._store"

local store = { open = c.open }

local methods = c.methods
if methods._module then -- loaded before in this Lua state: busted loads modules anew for each file
   return methods._module
end
methods._module = store
local take_failure = methods.take_failure

-- The innermost open transaction of each store: owner (a coroutine), outer, depth, failure, ended.
local open_scopes = setmetatable({}, { __mode = "k" })

-- Others' statements must not slip into an open transaction: they wait for its end.
local function my_turn(db)
   local scope = open_scopes[db]
   while scope and scope.owner ~= coroutine.running() do
      scope.ended = scope.ended or require("aci.task").future()
      scope.ended:wait()
      scope = open_scopes[db]
   end
   return scope
end

for _, name in ipairs { "exec", "run", "row", "rows" } do
   local f = methods[name]
   methods[name] = function(db, ...)
      if open_scopes[db] then
         my_turn(db)
      end
      return f(db, ...)
   end
end

-- -- transactions ---------------------------------------------------------------------------------

local Scope = {}
Scope.__index = Scope

local function enter(db)
   local outer = my_turn(db)
   local failure = take_failure(db)
   if outer then
      outer.failure = outer.failure or failure
   end
   local depth = outer and outer.depth + 1 or 0
   local ok, err = db:exec(depth == 0 and "BEGIN IMMEDIATE" or "SAVEPOINT level" .. depth)
   if not ok then
      take_failure(db)
      return nil, err
   end
   local scope = setmetatable({ db = db, owner = coroutine.running(), outer = outer, depth = depth }, Scope)
   open_scopes[db] = scope
   return scope
end

local function leave(scope)
   scope.over = true
   open_scopes[scope.db] = scope.outer
   if scope.ended and not scope.outer then
      scope.ended:set()
   elseif scope.ended then
      scope.outer.ended = scope.ended
   end
end

local function undo(scope)
   if scope.depth == 0 then
      scope.db:exec "ROLLBACK"
   else
      scope.db:exec(("ROLLBACK TO level%d; RELEASE level%d"):format(scope.depth, scope.depth))
   end
   take_failure(scope.db)
   leave(scope)
end

-- Nil and the reason when it could not be kept; it is undone then.
local function keep(scope)
   local failure = scope.failure or take_failure(scope.db)
   if not failure then
      local sql = scope.depth == 0 and "COMMIT" or "RELEASE level" .. scope.depth
      local ok, err = scope.db:exec(sql)
      if ok then
         leave(scope)
         return true
      end
      failure = err
   end
   undo(scope)
   return nil, failure
end

function Scope:__close()
   if not self.over and tostring(self.db) ~= "store (closed)" then
      undo(self)
   end
end

--- Calls f(...) in a transaction, or in a part of the open one, and keeps what it did.
function methods:transaction(f, ...)
   local entered, err = enter(self)
   if not entered then
      return nil, err
   end
   local scope <close> = entered
   local results = table.pack(f(...))
   local ok, failure = keep(scope)
   if not ok then
      return nil, failure
   elseif results.n == 0 then
      return true
   end
   return table.unpack(results, 1, results.n)
end

return store
