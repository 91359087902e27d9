---@meta aci.term
--- The terminal: what may be asked of it and sent to it.
local term = {}

---@alias aci.term.Stream "stdin"|"stdout"|"stderr"

---@param stream? aci.term.Stream # default "stdout"
---@return boolean
function term.isatty(stream) end

--- Columns; nil where it is no terminal or does not know.
---@param stream? aci.term.Stream # default "stdout"
---@return integer?
function term.width(stream) end

--- May control sequences go there: a terminal whose TERM is not "dumb"?
---@param stream aci.term.Stream
---@return boolean
function term.controls(stream) end

--- May colours go there? NO_COLOR says no, else FORCE_COLOR yes, else as `controls`.
---@param stream aci.term.Stream
---@return boolean
function term.colours(stream) end

--- The text in a colour, where the stream may have any.
---@param colour "bold"|"dim"|"red"|"green"|"yellow"|"blue"|"cyan"
---@param text string
---@param stream? aci.term.Stream # default "stdout"
---@return string
function term.paint(colour, text, stream) end

--- Text from elsewhere, with what a terminal would act on made visible.
---@param text string
---@return string
function term.plain(text) end

--- Asks for a line on the terminal. Other tasks run meanwhile.
---@param question string # on standard error
---@return string?
---@return aci.error? err # kind "usage": there is no terminal, or no answer
function term.ask(question) end

--- Asks for a line that is not shown while it is typed. The echo comes back however it ends.
---@param question string
---@return aci.secret?
---@return aci.error? err
function term.ask_secret(question) end

return term
