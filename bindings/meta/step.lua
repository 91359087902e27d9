---@meta aci.step
--- A step of a set-up: what should exist. It is read, compared and only then written, so plan, second
--- run, status and teardown follow from the declaration. `aci.step` itself can be called like `new`:
---
---     return step {
---        name = "storage", needs = { "group" },
---        want = function(c) return { c.azure:resource("Microsoft.Storage/storageAccounts", "ours", { ... }) } end,
---        gives = function(c, account) return { key = c.azure:storage_key(account) } end,
---     }
local step = {}

---@class aci.Step
---@field name string
---@field about? string # what it is for, in a line
---@field needs? string[] # steps that come before
---@field want fun(c: aci.Context): table[] # things in order; a function among them is called with c and what the things before are
---@field gives? fun(c: aci.Context, ...: any): any # called with what the things are; its result is c[name]

--- Declares a step. A field that no step has raises.
---@param fields aci.Step
---@return aci.Step
function step.new(fields) end

--- The steps so that each comes after what it needs. Raises kind "usage" for a circle, for a need that is
--- not in the list and for two steps of one name.
---@param steps aci.Step[]
---@return aci.Step[]
function step.order(steps) end

return step
