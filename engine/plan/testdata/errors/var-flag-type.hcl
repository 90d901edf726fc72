# --var port_base=many
