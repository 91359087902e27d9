---@meta aci.doctor
--- Runs checks one after the other and tells of each. scripts/doctor.lua uses it; scripts/checks/*.lua are
--- the checks, yours to edit.
local doctor = {}

---@class aci.doctor.Check
---@field name string
---@field needs? string[] # checks without which this one makes no sense: it is skipped when one is wrong
---@field run fun(c: table): string, string, string? # gives "ok", "note" or "wrong", what was seen, what to do

---@class aci.doctor.Row
---@field check string
---@field state "ok"|"note"|"wrong"|"skipped"
---@field seen string
---@field advice? string
---@field exit_code? integer # of the error that the check raised

--- What each check found. An aci.error that a check raises is a "wrong"; any other error is the check's own
--- fault and is raised, and so is an interrupt.
---@param c table # as steps get it: aci.setup.connect
---@param checks aci.doctor.Check[]
---@return aci.doctor.Row[]
function doctor.examine(c, checks) end

--- What to do, each advice once with the checks that call for it.
---@param rows aci.doctor.Row[]
---@return string[] # "network, agent: setup.lua makes it"
function doctor.advice(rows) end

--- The exit code that the rows call for: 0 when nothing is wrong, else that of the first error, else 1.
---@param rows aci.doctor.Row[]
---@return integer
function doctor.exit_code(rows) end

return doctor
