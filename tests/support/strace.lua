--- Commands run under strace with everything that they write, and the search for values in it.
local process = require "aci.process"

local strace = {}

-- What can carry a value out of a process: new programs, names of files, writes.
local CALLS = "execve,execveat,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,"
   .. "symlink,symlinkat,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,connect,prctl,"
   .. "setxattr,memfd_create"

--- Is there an strace that may trace?
function strace.works()
   local ran = process.run { args = { "/bin/sh", "-c", "exec strace -f --seccomp-bpf -o /dev/null true" },
      env = process.environment(), timeout = 20 }
   return ran ~= nil and ran.code == 0
end

--- The arguments that run a command with its calls written to `log`. Strings are written in full.
function strace.command(log, words)
   return { "/usr/bin/strace", "-f", "--seccomp-bpf", "-o", log, "-s", "10000000", "-yy", "-e", "trace=" .. CALLS,
      table.unpack(words) }
end

-- "1234  write(5</a/file>, ..." as the call and where its first descriptor leads.
local function parse(line)
   local call, rest = line:match "^%d+%s+([%w_]+)%((.*)"
   local target = rest and rest:match "^%d+<(.-)>[,%)(]"
   return call or "?", target
end

--- Every line of a log in which one of the values stands: { name, call, target (of a write), line }.
-- @param values map of names to values
function strace.find(log, values)
   local hits = {}
   for line in io.lines(log) do
      for name, value in pairs(values) do
         if line:find(value, 1, true) then
            local call, target = parse(line)
            hits[#hits + 1] = { name = name, call = call, target = target, line = line }
         end
      end
   end
   return hits
end

--- The addresses of all connections but those to this machine.
function strace.strangers(log)
   local found = {}
   for line in io.lines(log) do
      local inet = line:find "^%d+%s+connect%(.*AF_INET" and not line:find 'inet_addr%("127%.'
         and not line:find('inet_pton(AF_INET6, "::1"', 1, true)
      if inet then found[#found + 1] = line end
   end
   return found
end

return strace
