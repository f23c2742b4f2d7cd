/* Decides on a request's virtual host only when its URL is translated, as
 * modules for mass hosting do that ask LDAP or a database. For tests:
 *   X-Exchange: name    goes on as the virtual host of that ServerName
 *   X-Exchange: /path   goes on as a copy of the virtual host with that DocumentRoot
 */
#include "apr_strings.h"
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_request.h"

static server_rec *copy_with_docroot(request_rec *r, const char *docroot)
{
    server_rec *copy = apr_pmemdup(r->pool, r->server, sizeof *copy);
    core_server_config *core = apr_pmemdup(
        r->pool, ap_get_core_module_config(copy->module_config), sizeof *core);
    /* All vectors of httpd have one length, which only httpd knows. */
    ap_conf_vector_t *vector = ap_create_per_dir_config(r->pool);
    module *m;

    for (m = ap_top_module; m; m = m->next)
        ap_set_module_config(vector, m, ap_get_module_config(copy->module_config, m));
    core->ap_document_root = docroot;
    ap_set_core_module_config(vector, core);
    copy->module_config = vector;
    return copy;
}

static server_rec *main_server;

static int exchange(request_rec *r)
{
    const char *to = apr_table_get(r->headers_in, "X-Exchange");
    server_rec *s;

    if (to && to[0] == '/')
        r->server = copy_with_docroot(r, apr_pstrdup(r->pool, to));
    else if (to)
        for (s = main_server; s; s = s->next)
            if (!strcmp(s->server_hostname, to))
                r->server = s;
    return DECLINED;
}

static int remember(apr_pool_t *p, apr_pool_t *log, apr_pool_t *temp, server_rec *s)
{
    main_server = s;
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    ap_hook_post_config(remember, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(exchange, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(exchange) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks
};
