/* common.c - what several subcommands do alike.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* The path without what is a link or a way back; of a file that is still to come, that of its
 * folder and its name. False where there is no such folder. */
static bool resolve(const char *path, char out[PATH_MAX])
{
    char folder[PATH_MAX];
    if (realpath(path, out) != NULL) {
        return true;
    }
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (length >= sizeof folder) {
        return false;
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    const char *name = slash != NULL ? slash + 1 : folder;
    char *whole = NULL;
    char above[PATH_MAX];
    if (slash != NULL) {
        *slash = '\0';
    }
    if (realpath(slash == NULL     ? "."
                 : slash == folder ? "/"
                                   : folder,
                 above) == NULL ||
        asprintf(&whole, "%s/%s", strcmp(above, "/") == 0 ? "" : above, name) < 0) {
        return false;
    }
    bool fits = strlen(whole) < PATH_MAX;
    memcpy(out, whole, fits ? strlen(whole) + 1 : 0);
    free(whole);
    return fits;
}

static bool same_place(const char *one, const char *other)
{
    char resolved[PATH_MAX];
    char against[PATH_MAX];
    return strcmp(one, other) == 0 ||
           (resolve(one, resolved) && resolve(other, against) && strcmp(resolved, against) == 0);
}

rs_status rsi_check_file(const char *path, const char *option, rs_error *err)
{
    if (path == NULL) {
        return RS_OK;
    }
    struct stat now;
    char resolved[PATH_MAX];
    if (strcmp(path, "-") == 0) {
        return rs_fail(err, RS_EUSAGE, "%s cannot be standard output", option);
    }
    if (stat(path, &now) == 0 && S_ISDIR(now.st_mode)) {
        return rs_fail(err, RS_EUSAGE, "%s \"%s\" is a folder", option, path);
    }
    if (!resolve(path, resolved)) {
        return rs_fail(err, RS_EUSAGE, "%s \"%s\": there is no such folder", option, path);
    }
    return RS_OK;
}

rs_status rsi_check_output(const char *path, const char *option, const char *store,
                           const char *const *inputs, size_t count, rs_error *err)
{
    char place[PATH_MAX];
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
    if (resolve(path, place) && resolve(store, base)) {
        size_t length = strlen(base);
        if (strncmp(place, base, length) == 0 && (place[length] == '/' || place[length] == '\0')) {
            return rs_fail(err, RS_EUSAGE, "%s \"%s\" lies in the store \"%s\"", option, path,
                           store);
        }
    }
    return RS_OK;
}
