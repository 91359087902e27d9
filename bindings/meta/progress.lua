---@meta aci.progress
--- What goes on, on standard error. On a terminal the lines of what is under way are rewritten in
--- place below those of what is done; elsewhere every change is a line of its own.
local progress = {}

---@class aci.Progress
local Progress = {}

--- Something is under way. Called again with the same title, it is further on.
---@param title string # "storage"
---@param word string # "creating"
---@param text? string
function Progress:update(title, word, text) end

--- It has come to its end; adds how long it took.
---@param title string
---@param word? string # "done" (default), "failed", "warning", "skipped" have a colour
---@param text? string
function Progress:finish(title, word, text) end

--- A line beside the steps.
---@param text string
function Progress:note(text) end

--- Leaves what is under way on the screen as it is; also at the end of a `<close>` variable's scope.
function Progress:close() end

---@class aci.progress.Options
---@field live? boolean # rewrite lines; default: standard error is a terminal, and TERM not "dumb"
---@field write? fun(text: string) # default: to standard error

---@param options? aci.progress.Options
---@return aci.Progress
function progress.new(options) end

return progress
