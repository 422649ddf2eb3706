/* address.c - what a database's address looks like; and what a build without libpq says to one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "db/postgres.h"

bool rsi_postgres_is_address(const char *word)
{
    return strncmp(word, "postgresql://", 13) == 0 || strncmp(word, "postgres://", 11) == 0;
}

#if !RS_HAVE_LIBPQ
static rs_status missing(rs_error *err)
{
    return rs_fail(err, RS_EUSAGE,
                   "this build cannot read from PostgreSQL: it was made without libpq");
}

rs_status rsi_postgres_name(const char *address, char *name, size_t capacity, rs_error *err)
{
    (void)address;
    (void)name;
    (void)capacity;
    return missing(err);
}

rs_status rsi_postgres_open(rsi_postgres **out, const char *address, const rsi_postgres_ask *ask,
                            rs_error *err)
{
    (void)out;
    (void)address;
    (void)ask;
    return missing(err);
}

void rsi_postgres_close(rsi_postgres *db)
{
    (void)db;
}

rs_status rsi_postgres_start(rsi_postgres *db, const char *query, rs_error *err)
{
    (void)db;
    (void)query;
    return missing(err);
}

const rs_text *rsi_postgres_columns(const rsi_postgres *db, size_t *count)
{
    (void)db;
    *count = 0;
    return NULL;
}

rs_status rsi_postgres_read(rsi_postgres *db, char *bytes, size_t capacity, size_t *got,
                            rs_error *err)
{
    (void)db;
    (void)bytes;
    (void)capacity;
    (void)got;
    return missing(err);
}

uint64_t rsi_postgres_rows(const rsi_postgres *db)
{
    (void)db;
    return 0;
}
#endif
