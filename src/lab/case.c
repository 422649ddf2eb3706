/* case.c - accounts of an evaluation, and the small readers that its files share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/case.h"

#include <stdlib.h>
#include <string.h>

void rsi_case_free(rsi_case *c)
{
    rsi_ids_free(&c->account_ids);
    rsi_ids_free(&c->ring_ids);
    rsi_ids_free(&c->words);
    rsi_ids_free(&c->lookalike_ids);
    rsi_ids_free(&c->cluster_ids);
    free(c->accounts);
    free(c->rings);
    free(c->clusters);
    free(c->members);
    *c = (rsi_case){0};
}

rs_status rsi_grow(void **array, size_t *capacity, uint64_t count, size_t size, rs_error *err)
{
    if (count < *capacity) {
        return RS_OK;
    }
    size_t wanted = *capacity == 0 ? 256 : *capacity * 2;
    void *grown = wanted > SIZE_MAX / size ? NULL : realloc(*array, wanted * size);
    if (grown == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu entries)", wanted);
    }
    *array = grown;
    *capacity = wanted;
    return RS_OK;
}

rs_status rsi_case_account(rsi_case *c, rs_text id, uint32_t *number, rs_error *err)
{
    bool is_new = false;
    void *accounts = c->accounts;
    rs_status status =
        rsi_grow(&accounts, &c->account_capacity, c->account_ids.count, sizeof *c->accounts, err);
    c->accounts = accounts;
    if (status == RS_OK) {
        status = rsi_ids_add(&c->account_ids, id, number, &is_new, err);
    }
    if (status == RS_OK && is_new) {
        c->accounts[*number] = (rsi_account){.ring = RSI_NO_ID, .lookalike = RSI_NO_ID};
    }
    return status;
}

/* Only what JSON's grammar takes as a number gets to strtod, whose result is correctly rounded. */
bool rsi_read_share(rs_text text, double *value)
{
    char copy[64];
    if (text.length == 0 || text.length >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';
    if (strspn(copy, "0123456789.eE+-") != text.length) {
        return false;
    }
    char *end = NULL;
    *value = strtod(copy, &end);
    return *end == '\0' && end != copy && *value >= 0 && *value <= 1;
}
