-- Dates for the date functions: civil days, ISO 8601 texts and durations, .NET date formats. A date
-- is { year, month, day, hour, minute, second, fraction } in UTC.
local calendar = {}

--- Days since 1970-01-01 of a civil date.
function calendar.days(year, month, day)
   local y = month <= 2 and year - 1 or year
   local era = y // 400
   local of_era = y - era * 400
   local of_year = (153 * (month > 2 and month - 3 or month + 9) + 2) // 5 + day - 1
   return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local function civil(days)
   local z = days + 719468
   local era = z // 146097
   local doe = z - era * 146097
   local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
   local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
   local mp = (5 * doy + 2) // 153
   local month = mp < 10 and mp + 3 or mp - 9
   return yoe + era * 400 + (month <= 2 and 1 or 0), month, doy - (153 * mp + 2) // 5 + 1
end

--- The date of a number of seconds since 1970.
function calendar.from_epoch(seconds, fraction)
   local days, rest = seconds // 86400, seconds % 86400
   local year, month, day = civil(days)
   return { year = year, month = month, day = day, hour = rest // 3600, minute = rest % 3600 // 60,
      second = rest % 60, fraction = fraction or 0 }
end

--- Seconds since 1970 of a date.
function calendar.to_epoch(date)
   return calendar.days(date.year, date.month,
      date.day) * 86400 + date.hour * 3600 + date.minute * 60 + date.second
end

local shapes = {
   "^(%d%d%d%d)%-(%d%d)%-(%d%d)[T ](%d%d):(%d%d):(%d%d)(%.?%d*)(.*)$",
   "^(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)(%.?%d*)(.*)$",
   "^(%d%d%d%d)%-(%d%d)%-(%d%d)[T ](%d%d):(%d%d)()(.*)$",
   "^(%d%d%d%d)%-(%d%d)%-(%d%d)()()()()(.*)$",
}

local function offset_of(zone)
   if zone == "" or zone == "Z" or zone == "z" then
      return 0
   end
   local sign, hours, minutes = zone:match "^([+-])(%d%d):?(%d%d)$"
   local seconds = sign and tonumber(hours) * 3600 + tonumber(minutes) * 60
   return seconds and (sign == "-" and -seconds or seconds)
end

local function number(s)
   return type(s) == "string" and tonumber(s) or 0
end

local function valid(month, day, hour, minute, second)
   return month >= 1 and month <= 12 and day >= 1 and day <= 31 and hour < 24 and minute < 60 and second < 60
end

--- The date that a text names, or nil.
function calendar.parse(s)
   for _, shape in ipairs(shapes) do
      local year, month, day, hour, minute, second, fraction, zone = s:match(shape)
      if zone == nil and type(fraction) == "string" then
         zone, fraction = fraction, ""
      end
      local offset = year and offset_of((zone or ""):match "^%s*(.-)%s*$")
      if offset and valid(number(month), number(day), number(hour), number(minute), number(second)) then
         local seconds = calendar.days(number(year), number(month), number(day)) * 86400
            + number(hour) * 3600 + number(minute) * 60 + number(second) - offset
         return calendar.from_epoch(seconds, number(fraction))
      end
   end
   return nil
end

local function amounts(s, letters)
   local found, rest = {}, s
   for letter in letters:gmatch "." do
      local n, after = rest:match("^(%d+%.?%d*)" .. letter .. "(.*)$")
      if n then
         found[letter], rest = tonumber(n), after
      end
   end
   return rest == "" and found
end

--- An ISO 8601 duration -> months, seconds; nil when it is none.
function calendar.duration(s)
   local sign, body = s:match "^([+-]?)P(.+)$"
   if not body then
      return nil
   end
   local head, tail = body:match "^([^T]*)T?(.*)$"
   local date, time = amounts(head, "YMWD"), amounts(tail, "HMS")
   if not date or not time or (body:find "T" and tail == "") then
      return nil
   end
   local factor = sign == "-" and -1 or 1
   local seconds = ((date.W or 0) * 7 + (date.D or 0)) * 86400 + (time.H or 0) * 3600 + (time.M
      or 0) * 60 + (time.S or 0)
   return factor * ((date.Y or 0) * 12 + (date.M or 0)) // 1, factor * seconds
end

--- date + months + seconds; the day is cut to the length of the month.
function calendar.add(date, months, seconds)
   local month = date.year * 12 + date.month - 1 + math.tointeger(months)
   local year, index = month // 12, month % 12 + 1
   local next_first = calendar.days(year + (index == 12 and 1 or 0), index % 12 + 1, 1)
   local length = next_first - calendar.days(year, index, 1)
   local moved = calendar.days(year, index, math.min(date.day, length)) * 86400
      + date.hour * 3600 + date.minute * 60 + date.second
   local whole = math.floor(seconds)
   return calendar.from_epoch(moved + math.tointeger(whole), date.fraction + seconds - whole)
end

local days = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
local months = {
   "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
   "November", "December",
}

local function day_name(date)
   return days[(calendar.days(date.year, date.month, date.day) + 4) % 7 + 1]
end

local function numeric(n, width)
   return ("%0" .. math.min(width, 2) .. "d"):format(n)
end

local tokens = {
   y = function(d, n) return n <= 2 and numeric(d.year % 100, n) or ("%0" .. n .. "d"):format(d.year) end,
   M = function(d, n)
      return n >= 4 and months[d.month] or n == 3 and months[d.month]:sub(1, 3) or numeric(d.month, n)
   end,
   d = function(d, n) return n >= 4 and day_name(d) or n == 3 and day_name(d):sub(1, 3) or numeric(d.day,
      n) end,
   H = function(d, n) return numeric(d.hour, n) end,
   h = function(d, n) return numeric((d.hour + 11) % 12 + 1, n) end,
   m = function(d, n) return numeric(d.minute, n) end,
   s = function(d, n) return numeric(d.second, n) end,
   f = function(d, n) return ("%.9f"):format(d.fraction):sub(3, 2 + n) end,
   F = function(d, n) return (("%.9f"):format(d.fraction):sub(3, 2 + n):gsub("0+$", "")) end,
   t = function(d, n) return (d.hour < 12 and "AM" or "PM"):sub(1, n) end,
   z = function(_, n) return n >= 3 and "+00:00" or n == 2 and "+00" or "+0" end,
   K = function() return "Z" end,
}

local standard = {
   d = "MM/dd/yyyy", D = "dddd, dd MMMM yyyy", f = "dddd, dd MMMM yyyy HH:mm", F = "dddd, dd MMMM yyyy "
      .. "HH:mm:ss",
   g = "MM/dd/yyyy HH:mm", G = "MM/dd/yyyy HH:mm:ss", m = "MMMM dd", M = "MMMM dd",
   o = "yyyy-MM-ddTHH:mm:ss.fffffffK", O = "yyyy-MM-ddTHH:mm:ss.fffffffK",
   r = "ddd, dd MMM yyyy HH:mm:ss 'GMT'", R = "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
   s = "yyyy-MM-ddTHH:mm:ss", t = "HH:mm", T = "HH:mm:ss", u = "yyyy-MM-dd HH:mm:ssZ",
   U = "dddd, dd MMMM yyyy HH:mm:ss", y = "yyyy MMMM", Y = "yyyy MMMM",
}

-- One piece of a format at `at`: what it prints and how many characters it took.
local function piece(date, spec, at)
   local c = spec:sub(at, at)
   if c == "'" or c == '"' then
      local close = spec:find(c, at + 1, true) or #spec + 1
      return spec:sub(at + 1, close - 1), close - at + 1
   elseif c == "\\" then
      return spec:sub(at + 1, at + 1), 2
   elseif tokens[c] then
      local run = spec:match(c .. "+", at)
      return tokens[c](date, #run), #run
   end
   return c, 1
end

--- A date in a .NET standard (one letter) or custom format.
function calendar.format(date, spec)
   spec = standard[spec] or spec
   local out, at = {}, 1
   while at <= #spec do
      local printed, taken = piece(date, spec, at)
      out[#out + 1], at = printed, at + taken
   end
   return table.concat(out)
end

return calendar
