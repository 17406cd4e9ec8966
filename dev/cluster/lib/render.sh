# Sourced by `cluster`: the configuration out of the templates in conf/, and the keys of Kafka's TLS listener.
# shellcheck shell=bash

# render FOLDER: writes conf/ there, with every @NAME@ replaced by that setting's value.
render() {
    local file target text name
    while IFS= read -r file; do
        target=$1/${file#"$cluster_dir/conf/"}
        mkdir -p "$(dirname "$target")"
        text=$(<"$file")
        for name in "${!RFM_@}"; do
            text=${text//"@$name@"/"${!name}"}
        done
        [[ $text =~ @[A-Z][A-Z0-9_]*@ ]] && die "$file names an unknown setting: ${BASH_REMATCH[0]}"
        printf '%s\n' "$text" >"$target"
    done < <(find "$cluster_dir/conf" -type f)
}

# render_for KIND FOLDER: as for another way of running the same daemons, whose values are in KIND.env. Only what
# those two files set counts: neither the caller's settings nor those of a cluster at hand.
render_for() {
    local values=$cluster_dir/$1.env folder
    [[ -f $values && $1 != defaults ]] || die "nothing to render for '$1': there is no $values"
    folder=$(realpath -m -- "$2")
    (
        for name in "${!RFM_@}"; do
            unset "$name"
        done
        # shellcheck source=../compose.env
        . "$values"
        # shellcheck source=../defaults.env
        . "$cluster_dir/defaults.env"
        render "$folder"
    )
}

# A certificate authority and a certificate for the broker that it signed, once. Clients trust its ca.pem.
make_key_stores() {
    local dir=$RFM_CLUSTER_HOME/tls
    [[ -f $dir/broker.p12 ]] && return
    rm -rf "$dir"
    mkdir -p "$dir"
    local keytool=("$JAVA_HOME/bin/keytool" -noprompt -storetype PKCS12 -storepass "$RFM_STORE_PASSWORD")
    local key=(-keyalg EC -groupname secp256r1 -validity 3650)
    {
        "${keytool[@]}" -keystore "$dir/ca.p12" -genkeypair -alias ca -dname 'CN=Local cluster CA' "${key[@]}" \
            -ext bc:critical=ca:true -ext ku:critical=keyCertSign,cRLSign
        "${keytool[@]}" -keystore "$dir/ca.p12" -exportcert -alias ca -rfc -file "$dir/ca.pem"
        "${keytool[@]}" -keystore "$dir/new.p12" -genkeypair -alias broker -dname 'CN=localhost' "${key[@]}"
        "${keytool[@]}" -keystore "$dir/new.p12" -certreq -alias broker -file "$dir/broker.csr"
        "${keytool[@]}" -keystore "$dir/ca.p12" -gencert -alias ca -rfc -validity 3650 \
            -infile "$dir/broker.csr" -outfile "$dir/broker.pem" -ext san=dns:localhost,ip:127.0.0.1
        "${keytool[@]}" -keystore "$dir/new.p12" -importcert -alias ca -file "$dir/ca.pem"
        "${keytool[@]}" -keystore "$dir/new.p12" -importcert -alias broker -file "$dir/broker.pem"
        "${keytool[@]}" -keystore "$dir/trust.p12" -importcert -alias ca -file "$dir/ca.pem"
    } >"$dir/keytool.log" 2>&1 || die "keytool failed, see $dir/keytool.log"
    rm -f "$dir/broker.csr" "$dir/broker.pem"
    mv "$dir/new.p12" "$dir/broker.p12"
}
