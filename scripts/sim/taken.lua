--- Names that somebody else in the world has: storage accounts
--   and vaults are named globally. Planted for tests.
local taken = {}

--- Marks a name of a kind ("storage", "vault") as somebody else's.
function taken.mark(state, kind, name)
   state:setting(("taken.%s.%s"):format(kind, name:lower()), "1")
end

--- True for a name that was marked.
function taken.is(state, kind, name)
   return state:setting(("taken.%s.%s"):format(kind, name:lower())) ~= nil
end

return taken
