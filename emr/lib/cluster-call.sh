# Sourced by `create-cluster`: from its settings to the call of `aws emr create-cluster` in the array `call`.
# shellcheck shell=bash disable=SC2154

# The volumes of a node.
ebs_json() {
    printf '{"EbsBlockDeviceConfigs":[{"VolumeSpecification":{"VolumeType":"gp3","SizeInGB":%d},"VolumesPerInstance":1}]}' \
        "$ebs_size"
}

# group ROLE TYPE COUNT [spot]
group_json() {
    # A bid of OnDemandPrice pays the spot price, at most that of an on-demand node.
    printf '{"Name":"%s","InstanceGroupType":"%s","InstanceType":%s,"InstanceCount":%d,"EbsConfiguration":%s%s}' \
        "${1,,}" "$1" "$(json_string "$2")" "$3" "$(ebs_json)" "${4:+,\"BidPrice\":\"OnDemandPrice\"}"
}

# fleet ROLE TYPES CAPACITY [spot]
fleet_json() {
    local types=() type configs='' capacity=TargetOnDemandCapacity launch=''
    IFS=, read -r -a types <<<"$2"
    for type in "${types[@]}"; do
        configs+=${configs:+,}$(printf '{"InstanceType":%s,"WeightedCapacity":1,"EbsConfiguration":%s}' \
            "$(json_string "$type")" "$(ebs_json)")
    done
    if [[ -n ${4:-} ]]; then
        capacity=TargetSpotCapacity
        launch=',"LaunchSpecifications":{"SpotSpecification":{"TimeoutDurationMinutes":20,"TimeoutAction":"SWITCH_TO_ON_DEMAND","AllocationStrategy":"price-capacity-optimized"}}'
    fi
    printf '{"Name":"%s","InstanceFleetType":"%s","%s":%d,"InstanceTypeConfigs":[%s]%s}' \
        "${1,,}" "$1" "$capacity" "$3" "$configs" "$launch"
}

nodes_json() {
    local kind=group nodes
    [[ -z $fleets ]] || kind=fleet
    nodes=$("${kind}_json" MASTER "$primary_type" 1)
    [[ $core_count -eq 0 ]] || nodes+=,$("${kind}_json" CORE "$core_type" "$core_count")
    [[ $task_count -eq 0 ]] || nodes+=,$("${kind}_json" TASK "${task_type:-$core_type}" "$task_count" spot)
    printf '[%s]' "$nodes"
}

attributes_json() {
    local json subnets=() all=("${groups[@]}")
    json="\"InstanceProfile\":$(json_string "$instance_profile")"
    IFS=, read -r -a subnets <<<"$subnet"
    if [[ -n $fleets ]]; then
        json+=",\"SubnetIds\":$(json_array "${subnets[@]}")"
    else
        json+=",\"SubnetId\":$(json_string "$subnet")"
    fi
    [[ -z $key_name ]] || json+=",\"KeyName\":$(json_string "$key_name")"
    [[ -z $primary_group ]] || json+=",\"EmrManagedMasterSecurityGroup\":$(json_string "$primary_group")"
    [[ -z $core_group ]] || json+=",\"EmrManagedSlaveSecurityGroup\":$(json_string "$core_group")"
    [[ -z $service_group ]] || json+=",\"ServiceAccessSecurityGroup\":$(json_string "$service_group")"
    if [[ ${#all[@]} -gt 0 ]]; then
        json+=",\"AdditionalMasterSecurityGroups\":$(json_array "${all[@]}")"
        json+=",\"AdditionalSlaveSecurityGroups\":$(json_array "${all[@]}")"
    fi
    printf '{%s}' "$json"
}

# All configuration files as one array. A classification that is in two of them is an error: EMR would take one.
configurations_json() {
    local file text joined='' twice
    for file in "${configuration_files[@]}"; do
        text=$(sed 's/^ *//; s/ *$//' "$file" | tr -d '\n')
        [[ $text == \[*\] ]] || fail "$BAD_USAGE" "'$file' is not a JSON array of configuration classifications"
        text=${text:1:${#text}-2}
        joined+=${joined:+,}$text
    done
    twice=$(grep -o '"Classification" *: *"[^"]*"' <<<"$joined" | tr -d ' ' | cut -d '"' -f 4 | sort | uniq -d | tr '\n' ' ')
    [[ -z $twice ]] || fail "$BAD_USAGE" "the configurations have these classifications twice: $twice"
    printf '[%s]' "$joined"
}

bootstrap_json() {
    local arguments=(--from "$release") sha256
    for sha256 in "${sha256s[@]}"; do
        arguments+=(--sha256 "$sha256")
    done
    printf '[{"Name":"install rfm-suite","Path":%s,"Args":%s}]' "$(json_string "$bootstrap")" "$(json_array "${arguments[@]}")"
}

build_call() {
    local sum application tag json
    # Beside the archive, where upload-release puts it. Its name has its checksum, so that an old cluster's stays.
    sum=$(sha256_of "$here/bootstrap/install-rfm-suite.sh")
    bootstrap=${release%/*}/install-rfm-suite-${sum:0:12}.sh
    release_tag=''
    for sum in "${sha256s[@]}"; do
        sum=${sum#*=}
        release_tag+=${release_tag:+ }${sum:0:12}
    done
    call=(emr create-cluster --name "$name" --release-label "$emr_release" --log-uri "${log_uri%/}/" --applications)
    for application in "${applications[@]}"; do
        call+=("Name=$application")
    done
    if [[ -n $fleets ]]; then
        json=$(nodes_json)
        call+=(--instance-fleets "$json")
    else
        json=$(nodes_json)
        call+=(--instance-groups "$json")
    fi
    json=$(attributes_json)
    call+=(--ec2-attributes "$json" --service-role "$service_role" --ebs-root-volume-size "$ebs_root_size")
    json=$(bootstrap_json)
    call+=(--bootstrap-actions "$json")
    json=$(configurations_json)
    call+=(--configurations "$json")
    # The first of the tags is what AmazonEMRServicePolicy_v2 asks for, the second what iam/operator.json does.
    call+=(--tags for-use-with-amazon-emr-managed-policies=true application=rfm-suite "rfm-suite:release=$release_tag")
    for tag in "${tags[@]}"; do
        call+=("$tag")
    done
    [[ -z $log_kms_key ]] || call+=(--log-encryption-kms-key-id "$log_kms_key")
    [[ -z $security_configuration ]] || call+=(--security-configuration "$security_configuration")
    [[ -z $steps ]] || call+=(--steps "$steps")
    if [[ -n $auto_terminate ]]; then call+=(--auto-terminate); else call+=(--no-auto-terminate); fi
    [[ -z $idle_timeout ]] || call+=(--auto-termination-policy "IdleTimeout=$idle_timeout")
    if [[ -n $protected ]]; then call+=(--termination-protected); else call+=(--no-termination-protected); fi
    call+=("${extra[@]}")
}
