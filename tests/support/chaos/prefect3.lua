local three = {}
return three
