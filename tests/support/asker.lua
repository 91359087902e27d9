--- Requests to a Prefect as rows of the two-sides table: the status, the type and the whole body of each answer.

--- A function that asks one side and notes the answer:
--
--    ask(title, method, path, body, hidden, headers)   -- gives the body and the status
--
-- `hidden` names the fields whose values are not compared.
-- @param name what the rows' names begin with
-- @param backend of tests.support.prefect
-- @param ids of tests.support.shape
return function(ledger, side, name, backend, ids)
   return function(title, method, path, body, hidden, headers)
      local status, answer, given = backend.send(method, path, body, headers)
      if type(answer) == "table" then ids:know(answer.id, title) end
      local whole = ("%d %s %s"):format(status, given["content-type"] or "-", ids:encode(answer, hidden))
      local code = type(answer) == "table" and (answer.status or answer.state_type or answer.detail
         or answer.exception_message) or nil
      ledger:note(side, name .. ": " .. title, ("%d %s"):format(status, type(code) == "string" and ids:text(code)
         or ""), whole)
      return answer, status
   end
end
