/* Giving memory back to the system. */
#ifndef ACI_TRIM_H
#define ACI_TRIM_H

/* Gives back the heap's free pages, and of programs and libraries the pages that nobody may change:
 * those that are needed again come from the files. For a program that has started and goes on for
 * long. */
void aci_memory_trim(void);

#endif
