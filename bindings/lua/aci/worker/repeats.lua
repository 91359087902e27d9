--- Lines of a container's output that are in Prefect already: what the flow engine prints it has sent itself.

local repeats = {}

local LINE = "^%d%d:%d%d:%d%d%.%d%d%d | %u+ *| (.*)$"

local function told_by_engine(line)
   local text = line:match(LINE)
   return text and (text:find "^Flow run '" or text:find "^Task run '") and text
end

local function within_trace(line)
   return line == "" or line:find "^%s" or line:find "^Traceback " or line:find "^During handling of "
      or line:find "^The above exception was "
end

--- A function that says of one line after the other whether it is such a repeat. So is the traceback after a
-- told exception, up to its last line: the exception's own, which is not indented.
function repeats.filter()
   local trace = false
   return function(line)
      local text = told_by_engine(line)
      if text then
         trace = text:find "[Ee]xception.*:$" ~= nil
         return true
      end
      if not trace then return false end
      trace = within_trace(line) ~= nil
      return trace or line:find "^[%a_][%w_%.]*%f[:\0]" ~= nil
   end
end

return repeats
