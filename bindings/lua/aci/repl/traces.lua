--- Tracebacks as a user wants them: only the frames of what they wrote.
local traces = {}

-- Frames of Lua's own functions and of the program's modules say where the program is, not the user.
local function is_own(frame)
   return frame:find "^%[C%]" or frame:find "^aci/" or frame:find "^%.%.%.[^:]*aci/"
      or frame:find "^%(%.%.%.tail calls%.%.%.%)"
end

--- The message with the frames of the user's own code; with none of them when the line itself is all there is.
function traces.trim(text)
   local message, trace = text:match "^(.*)\nstack traceback:\n(.*)$"
   if not message then return text end
   local frames, useful = {}, false
   for frame in trace:gmatch "%s*([^\n]+)" do
      if not is_own(frame) then
         frames[#frames + 1] = "\t" .. frame
         useful = useful or not frame:find "^stdin:%d+: in main chunk"
      end
   end
   if not useful then return message end
   return message .. "\n" .. table.concat(frames, "\n")
end

return traces
