/* A service SAS of Azure's Blob storage (version 2020-12-06 and later): the text that is signed for
 * it. The signature is base64(HMAC-SHA256(unbase64(account key), text)); it and the fields make the
 * query of an address that whoever has it may use. */
#ifndef ACI_CORE_SAS_H
#define ACI_CORE_SAS_H

#include "emit.h"
#include "sharedkey.h"

#define ACI_SAS_FIELDS 14

/* The fields by their names in the query, in the order in which they are signed; NULL ends them. */
extern const char *const aci_sas_names[ACI_SAS_FIELDS + 1];

typedef struct aci_sas {
    aci_text account;         /* with or without "-secondary" */
    aci_text container, blob; /* names as they are, not encoded; blob NULL: the container's */
    aci_text fields[ACI_SAS_FIELDS]; /* of aci_sas_names; NULL or empty where one is not used */
} aci_sas;

/* Write the text to out, which holds any fault: no memory; or a line break in a name or field, with
 * which the one could be made to look like another. */
void aci_sas_text(const aci_sas *sas, aci_emit *out);

#endif
