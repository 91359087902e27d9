---@meta aci.cli
--- What scripts share of the command line. Every script has -v (-vv, -vvv), -o/--output table|json,
--- -y/--yes, --no-input, --cloud local|azure and -h/--help, and what it adds. A wrong option raises
--- an error of kind "usage": the program prints it with what was probably meant, and exits 2.
local cli = {}

---@class aci.cli.Option # { } is a plain switch
---@field help? string
---@field value? string # it takes a value; this names it in the help: "NAME"
---@field number? boolean # it takes a number
---@field least? number # the smallest that it may be
---@field choices? string[] # the values it may have
---@field many? boolean # may be given again; the result is a list
---@field count? integer # may be given so often; the result is how often
---@field short? string # its letter
---@field default? any

---@class aci.cli.Spec
---@field usage? string # first line of the help
---@field plan? boolean # the script has --plan
---@field options? table<string, aci.cli.Option> # by name; "wait_for" is --wait-for
---@field arguments? string[] # { "NAME", "[OTHER]", "[MORE...]" }; default: none

---@class aci.cli.Options
---@field verbose integer # 0 to 3
---@field output "table"|"json"
---@field yes? true
---@field no_input? true
---@field plan? true
---@field cloud? "local"|"azure"

--- Reads a script's options. With --help prints them and exits 0.
---@param args string[]
---@param spec? aci.cli.Spec
---@return aci.cli.Options|table<string, any> options
---@return string[] arguments
function cli.parse(args, spec) end

--- What the user can type to run a script with this program, called as it was: "build/acihost run.lua".
---@param script? string # default: the script that runs
---@return string
function cli.command(script) end

--- Asks on the terminal before something that matters; --yes answers it. Without a terminal, or with
--- --no-input, raises an error of kind "usage".
---@param question string
---@param options? aci.cli.Options
---@param answer? string # has to be typed, instead of "y"
---@return boolean
function cli.confirm(question, options, answer) end

--- Asks for a secret, which is not shown while it is typed.
---@param question string
---@param options? aci.cli.Options
---@return aci.secret
function cli.secret(question, options) end

--- Says what the settings have noted (`config.notes`), on standard error.
---@param config aci.Config
---@return aci.Config # the same
function cli.notes(config) end

--- Prints rows as a table on standard output.
---@param rows table[]
---@param columns? (string|{ [1]: string, title: string })[] # keys, in order; default: all
function cli.table(rows, columns) end

--- Prints a script's result on standard output as --output says: JSON, or a table of a list of rows,
--- or else the value for people.
---@param value any
---@param options? aci.cli.Options
---@param columns? (string|{ [1]: string, title: string })[]
function cli.output(value, options, columns) end

--- What goes on, on standard error; see aci.progress.
---@param options? table
---@return aci.Progress
function cli.progress(options) end

return cli
