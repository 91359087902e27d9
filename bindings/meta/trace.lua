---@meta aci.trace
--- What -v, -vv and -vvv of the scripts show on standard error: what is tried again and why, each request
--- in one line, headers and bodies. aci.cli begins it. Secrets are masked: every aci.secret, the
--- members, headers, parameters and addresses where services keep secrets, and everything that was seen in
--- one of these places before, wherever it comes up again.
local trace = {}

--- Begins to tell.
---@param level integer # 0 (nothing) to 3
---@param write? fun(line: string) # takes the lines; default: standard error
function trace.to(level, write) end

--- Tells only of waits of a second and more before another try; what the scripts do on a terminal without -v.
function trace.long_waits() end

--- What goes to standard error goes through `to` from now on. For who draws there, such as aci.progress.
---@param to fun(line: string)
function trace.through(to) end

--- At level 1 and above one line about what a client has decided by itself, such as to ask again.
---@param format string # as string.format
function trace.decision(format, ...) end

--- A value that is secret: it is masked from now on wherever it comes up.
---@param value string|aci.secret
---@return string # "<secret>"
function trace.hide(value) end

return trace
