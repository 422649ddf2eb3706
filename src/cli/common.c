/* common.c - what several subcommands do alike.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

int rsi_exit_status(rs_status status)
{
    switch (status) {
    case RS_OK:
        return RSI_EXIT_DONE;
    case RS_EUSAGE:
        return RSI_EXIT_USAGE;
    case RS_EINPUT:
    case RS_ENOTFOUND:
        return RSI_EXIT_INPUT;
    case RS_ELOCKED:
        return RSI_EXIT_LOCKED;
    case RS_ECORRUPT:
        return RSI_EXIT_DAMAGED;
    case RS_EIO:
    case RS_ENOMEM:
    case RS_EINTERRUPTED:
        return RSI_EXIT_FAILED;
    }
    return RSI_EXIT_FAILED;
}

rs_status rsi_store_status(rs_status status, rs_error *err)
{
    if (status == RS_ENOTFOUND) {
        err->status = RS_EUSAGE;
        return RS_EUSAGE;
    }
    return status;
}

rs_status rsi_open_store(rs_store **out, const char *path, rs_error *err)
{
    return rsi_store_status(rs_store_open(out, path, err), err);
}

rs_status rsi_split_name(const char *word, char **type, rs_text *id, rs_error *err)
{
    const char *colon = strchr(word, ':');
    if (colon == NULL || colon == word || colon[1] == '\0') {
        return rs_fail(err, RS_EUSAGE, "\"%.200s\" is not of the form TYPE:ID, such as account:u17",
                       word);
    }
    *type = strndup(word, (size_t)(colon - word));
    *id = rsi_text(colon + 1);
    return *type == NULL ? rs_fail(err, RS_ENOMEM, "out of memory") : RS_OK;
}

/* The folder that `path` lies in, resolved; false where there is none. */
static bool folder_of(const char *path, char out[PATH_MAX])
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return realpath(".", out) != NULL;
    }
    snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return realpath(folder, out) != NULL;
}

static bool same_place(const char *one, const char *other)
{
    char resolved[PATH_MAX];
    char against[PATH_MAX];
    return strcmp(one, other) == 0 ||
           (realpath(one, resolved) != NULL && realpath(other, against) != NULL &&
            strcmp(resolved, against) == 0);
}

rs_status rsi_check_output(const char *path, const char *option, const char *store,
                           const char *const *inputs, size_t count, rs_error *err)
{
    char folder[PATH_MAX];
    char base[PATH_MAX];
    if (path == NULL) {
        return RS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (inputs[i] != NULL && same_place(path, inputs[i])) {
            return rs_fail(err, RS_EUSAGE, "%s \"%s\" would overwrite another file of this call",
                           option, path);
        }
    }
    if (folder_of(path, folder) && realpath(store, base) != NULL) {
        size_t length = strlen(base);
        if (strncmp(folder, base, length) == 0 &&
            (folder[length] == '/' || folder[length] == '\0')) {
            return rs_fail(err, RS_EUSAGE, "%s \"%s\" lies in the store \"%s\"", option, path,
                           store);
        }
    }
    return RS_OK;
}
