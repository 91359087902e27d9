---@meta aci.process
--- Other programs: started without a shell, waited for on the loop, ended with all below them.
local process = {}

---@alias aci.process.Output "pipe"|"inherit"|"null"|{ file: string } # a file is appended to

---@class aci.process.Options
---@field args string[] # the program, found in PATH unless it has a "/", and its arguments
---@field env? table<string, string|aci.secret> # its whole environment; default: ours
---@field cwd? string # its folder
---@field stdin? "null"|"inherit"|{ file: string } # default "null"
---@field input? string|aci.secret # what it reads from stdin
---@field stdout? aci.process.Output # default "inherit" (spawn), "pipe" (run), "null" (detached)
---@field stderr? aci.process.Output|"stdout" # "stdout": where stdout goes
---@field detach? boolean # a session of its own: outlives us, and no scope ends it
---@field group? boolean # a process group of its own; default true unless stdin is "inherit"
---@field parent_death? string # the signal it gets when we end, however we end
---@field keep? (integer|aci.fs.Lock)[] # descriptors it gets beside 0, 1 and 2
---@field buffer? integer # bytes of output held until somebody reads; then the writer waits

---@class aci.process.Result
---@field code? integer # its exit code
---@field signal? string # or the signal that ended it: "TERM"
---@field stdout? string|aci.secret # of process.run, where it is a pipe
---@field stderr? string

--- A process that was started; a waitable, done when it has ended. Its children have default
--- signals, no descriptors of ours, and the limit of descriptors that we were started with.
--- `local p <close>` kills its group at the end of the scope; without, it may go on.
---@class aci.process.Process
local Process = {}

---@return integer
function Process:pid() end

--- Waits for its end.
---@param seconds? number
---@return aci.process.Result?
---@return aci.error? err # kind "timeout"
function Process:wait(seconds) end

--- How it ended; nil while it runs.
---@return aci.process.Result?
function Process:result() end

--- Sends a signal to its whole group.
---@param signal? string|integer # default "TERM"
---@return boolean? sent # false: it has ended already
---@return aci.error? err
function Process:kill(signal) end

--- "TERM", and "KILL" after `grace` seconds (default 5); then as wait.
---@param grace? number
---@return aci.process.Result
function Process:stop(grace) end

--- Waits for the next bytes of its output; nil at the end.
---@param name? "stdout"|"stderr"
---@return string?
function Process:read(name) end

--- Iterates over the lines of its output.
---@param name? "stdout"|"stderr"
---@return fun(): string?
function Process:lines(name) end

--- Starts a program.
---@param options aci.process.Options
---@return aci.process.Process?
---@return aci.error? err # "not_found" where there is no such program or folder
function process.spawn(options) end

---@class aci.process.RunOptions : aci.process.Options
---@field timeout? number # seconds; then it is ended and the result is an error of kind "timeout"
---@field max_output? integer # bytes of each stream; more is an error; default 64 MiB
---@field secret? boolean # stdout is given as an aci.secret

--- Runs a program until it has ended and its pipes are closed. An exit code other than 0 is a
--- result, not an error.
---@param options aci.process.RunOptions
---@return aci.process.Result?
---@return aci.error? err
function process.run(options) end

--- The process id of this program.
---@return integer
function process.pid() end

--- The path of this program's executable.
---@return string
function process.self() end

--- The file that PATH means by a name.
---@param name string
---@return string? path
---@return aci.error? err
function process.find(name) end

--- A text that tells a process from every other that ever has the same id; compare it, nothing
--- else. Nil for one that has ended, also while its parent has not collected it yet.
---@param pid integer
---@return string?
---@return aci.error? err # kind "not_found"
function process.start_time(pid) end

--- Sends a signal. With a start time, only if it is still that process.
---@param pid integer
---@param signal string|integer
---@param start_time? string
---@return true?
---@return aci.error? err # kind "not_found" when it is gone
function process.signal(pid, signal, start_time) end

--- Sends a signal to the process group that `pid` leads.
---@param pid integer
---@param signal string|integer
---@return true?
---@return aci.error? err
function process.signal_group(pid, signal) end

--- The ids of all processes below one, parents before their children.
---@param pid integer
---@return integer[]
function process.descendants(pid) end

--- Ends a process and all below it: "TERM" to its group, and when it has ended, or after `grace`
--- seconds (default 5), "KILL" to everybody left, until nobody is. Of this process itself, all
--- below it. What has left the tree as an orphan is only found by a subreaper.
---@param pid integer
---@param options? { grace?: number, start_time?: string }
---@return true?
---@return aci.error? err # "not_found" when it is not there; "timeout" when some do not end
function process.kill_tree(pid, options) end

--- Our environment.
---@return table<string, string>
function process.environment() end

--- The user's folder: HOME, else what the user database says; nil where neither tells.
---@return string?
function process.home() end

--- Where programs of the user keep their state: $XDG_STATE_HOME, else .local/state in the user's folder.
---@return string?
function process.state_home() end

--- Orphans below us become our children, and are collected when they end. From then on io.popen
--- cannot learn how its program ended.
---@return true?
---@return aci.error? err
function process.subreaper() end

--- In a subreaper: collects ended orphans now. The loop does it too, when it runs.
function process.reap() end

--- Collects garbage and gives memory back to the system: free pages of the heap, and pages of programs
--- and libraries that are read again where they are needed. For a program that goes on for long.
function process.trim() end

return process
