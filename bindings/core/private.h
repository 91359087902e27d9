/* Keeping the memory of the process to itself. */
#ifndef ACI_PRIVATE_H
#define ACI_PRIVATE_H

/* From now on the kernel writes no core dump of this process and lets no other of the same user
 * read its memory or environment. Called when the first secret is made: a program without secrets
 * stays as any other, a debugger's too. Programs that are started by exec are not affected. */
void aci_memory_private(void);

#endif
