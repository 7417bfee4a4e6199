# Sourced by `run`: tells Charla of the companies, their people and chats, as a back end does over REST.
enter() { "$charla" "$@" --config charla.toml >/dev/null; }
for tenant in acme globex; do
    enter tenant add $tenant
    number=0
    for name in $([[ $tenant == acme ]] && echo ana luis clara marta || echo ines pablo sara tomas); do
        number=$((number + 1))
        enter user add $number --tenant $tenant --name $name --role "$([[ $number -gt 2 ]] && echo agent || echo member)"
    done
    for chat_customer in 5:1 6:2 7:1; do
        enter chat add ${chat_customer%:*} --tenant $tenant --member ${chat_customer#*:}
    done
done
